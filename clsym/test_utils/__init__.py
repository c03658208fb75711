"""``mx.test_utils``: random data, comparisons with tolerances by element type, and checks of symbols, as MXNet's users know them.

>>> import clsym as mx
>>> a = mx.sym.Variable('a')
>>> mx.test_utils.check_symbolic_forward(a * 2, [np.ones(2)], [np.full(2, 2.0)])[0].asnumpy().tolist()
[2.0, 2.0]
>>> mx.test_utils.check_numeric_gradient(mx.sym.sin(a), [np.array([0.3, 0.7])])
"""

import numpy as np

from ..context import current_context
from .compare import (
    almost_equal,
    assert_allclose,
    assert_almost_equal,
    assert_almost_equal_ignore_nan,
    assert_almost_equal_with_err,
    assert_exception,
    checkShapes,
    compare_ndarray_tuple,
    locationError,
    same,
    same_array,
    same_symbol_structure,
)
from .consistency import check_consistency, check_speed
from .distributions import chi_square_check, gen_buckets_probs_with_ppf, mean_check, var_check, verify_generator
from .downloads import download, get_cifar10, get_mnist, get_mnist_pkl, get_mnist_ubyte, get_zip_data
from .matrices import (
    create_2d_tensor,
    create_vector,
    get_identity_mat,
    get_identity_mat_batch,
    new_matrix_with_real_eigvals_2d,
    new_matrix_with_real_eigvals_nd,
    new_orthonormal_matrix_2d,
    new_sym_matrix_with_real_eigvals_2d,
    new_sym_matrix_with_real_eigvals_nd,
)
from .numeric import check_numeric_gradient, numeric_grad
from .random_data import (
    assign_each,
    assign_each2,
    collapse_sum_like,
    create_sparse_array,
    create_sparse_array_zd,
    np_reduce,
    rand_coord_2d,
    rand_ndarray,
    rand_shape_2d,
    rand_shape_3d,
    rand_shape_nd,
    rand_sparse_ndarray,
    random_arrays,
    random_sample,
    random_uniform_arrays,
)
from .surroundings import (
    DummyIter,
    default_context,
    discard_stderr,
    environment,
    has_tvm_ops,
    is_aarch64_run,
    is_cd_run,
    is_op_runnable,
    list_gpus,
    retry,
    set_default_context,
)
from .symbolic import check_symbolic_backward, check_symbolic_forward, simple_forward
from .tolerance import (
    default_atols,
    default_dtype,
    default_numeric_eps,
    default_rtols,
    effective_dtype,
    get_atol,
    get_etol,
    get_rtol,
    get_tolerance,
    get_tols,
)

__all__ = [
    "DummyIter", "almost_equal", "assert_allclose", "assert_almost_equal", "assert_almost_equal_ignore_nan", "assert_almost_equal_with_err",
    "assert_exception", "assign_each", "assign_each2", "checkShapes", "check_consistency", "check_numeric_gradient", "check_speed",
    "check_symbolic_backward", "check_symbolic_forward", "chi_square_check", "collapse_sum_like", "compare_ndarray_tuple",
    "create_2d_tensor", "create_sparse_array", "create_sparse_array_zd", "create_vector", "current_context", "default_atols",
    "default_context", "default_dtype", "default_numeric_eps", "default_rtols", "discard_stderr", "download", "effective_dtype",
    "environment", "gen_buckets_probs_with_ppf", "get_atol", "get_cifar10", "get_etol", "get_identity_mat", "get_identity_mat_batch",
    "get_mnist", "get_mnist_pkl", "get_mnist_ubyte", "get_rtol", "get_tolerance", "get_tols", "get_zip_data", "has_tvm_ops",
    "is_aarch64_run", "is_cd_run", "is_op_runnable", "list_gpus", "locationError", "mean_check", "new_matrix_with_real_eigvals_2d",
    "new_matrix_with_real_eigvals_nd", "new_orthonormal_matrix_2d", "new_sym_matrix_with_real_eigvals_2d",
    "new_sym_matrix_with_real_eigvals_nd", "np", "np_reduce", "numeric_grad", "rand_coord_2d", "rand_ndarray", "rand_shape_2d",
    "rand_shape_3d", "rand_shape_nd", "rand_sparse_ndarray", "random_arrays", "random_sample", "random_uniform_arrays", "retry", "same",
    "same_array", "same_symbol_structure", "set_default_context", "simple_forward", "var_check", "verify_generator",
]  # fmt: skip

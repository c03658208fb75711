"""The parameters of a `Module`: values on the host's context, on the devices, and in files."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

from .. import ndarray as nd
from ..base import MXNetError
from ..initializer import InitDesc, Uniform
from ..model import load_checkpoint
from ..ndarray import NDArray

__all__ = ["Parameters"]


class Parameters:
    """Initializing, reading, setting, saving and loading."""

    _arg_params: Any
    _aux_params: Any

    def _make_params(self: Any) -> None:
        """Arrays on ``cpu(0)`` for the values."""
        group = self._exec_group
        self._arg_params = {n: nd.zeros(b[0].shape, dtype=b[0].dtype) for n, b in zip(self._param_names, group.param_arrays, strict=True)}
        self._aux_params = {n: nd.zeros(b[0].shape, dtype=b[0].dtype) for n, b in zip(self._aux_names, group.aux_arrays, strict=True)}

    def _take_params(self: Any) -> None:
        """Bring the values that are there to the devices."""
        shapes = {n: b[0].shape for n, b in zip(self._param_names, self._exec_group.param_arrays, strict=True)}
        shapes |= {n: b[0].shape for n, b in zip(self._aux_names, self._exec_group.aux_arrays, strict=True)}
        _refuse_other_network({**self._arg_params, **self._aux_params}, shapes)
        self._exec_group.set_params(self._arg_params, self._aux_params, allow_extra=True)

    def init_params(
        self: Any, initializer: Any = Uniform(0.01),  # noqa: B008 a value
        arg_params: Mapping[str, NDArray] | None = None, aux_params: Mapping[str, NDArray] | None = None, allow_missing: bool = False,
        force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Give the parameters their first values.

        Parameters
        ----------
        initializer : Initializer
            For those that the dictionaries do not have.
        arg_params, aux_params : dict of str to NDArray, optional
            Values by name; other names are ignored.
        allow_missing : bool
            Whether a dictionary that is given may lack names.
        force_init : bool
            Even if they were initialized before.
        allow_extra : bool
            As in `set_params`.

        Raises
        ------
        MXNetError
            A dictionary lacks names, or has values of other shapes; all that is missing and extra is listed.
        """
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False. init_params call ignored.", stacklevel=2)
            return
        assert self.binded, "call bind before initializing the parameters"
        if self._arg_params is None:
            self._make_params()
        attrs = self._symbol.attr_dict()
        pairs = ((self._arg_params, arg_params), (self._aux_params, aux_params))
        for own, given in pairs:
            if given is not None:
                known = {n: tuple(a.shape) for n, a in own.items()}
                _refuse_other_network(given, known, allow_missing)
        for own, given in pairs:
            for name, array in sorted(own.items()):
                if given is not None and name in given:
                    if given[name] is not array:
                        given[name].astype(array.dtype, copy=False).copyto(array)
                elif initializer is not None:
                    initializer(InitDesc(name, attrs.get(name)), array)
                elif given is None:
                    raise MXNetError(f"{name} has no value: give an initializer, or dictionaries with all parameters")
        self.params_initialized = True
        self._params_dirty = False
        self._exec_group.set_params(self._arg_params, self._aux_params, allow_extra=allow_extra)

    def get_params(self: Any) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Arguments and auxiliary states by name, on ``cpu(0)``: the same arrays each time, with the present values."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        if self._params_dirty:
            self._sync_params_from_devices()
        return self._arg_params, self._aux_params

    def set_params(
        self: Any, arg_params: Mapping[str, NDArray] | None, aux_params: Mapping[str, NDArray] | None, allow_missing: bool = False,
        force_init: bool = True, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Give the parameters values from dictionaries; see `BaseModule.set_params`.

        Raises
        ------
        MXNetError
            Names are missing, unless `allow_missing`, or shapes differ.
        ValueError
            With `allow_missing`: names that the module has not, unless `allow_extra`.
        """
        if not allow_missing:
            self.init_params(
                initializer=None, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing, force_init=force_init,
                allow_extra=allow_extra,
            )  # fmt: skip
            return
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False. set_params call ignored.", stacklevel=2)
            return
        self._exec_group.set_params(arg_params or {}, aux_params or {}, allow_extra=allow_extra)
        self._params_dirty = True
        self.params_initialized = True

    def _sync_params_from_devices(self: Any) -> None:
        """Copy the devices' values to those on ``cpu(0)``: their means over the devices."""
        self._exec_group.get_params(self._arg_params, self._aux_params)
        self._params_dirty = False

    # ------------------------------------------------------------------------------------------------------------- files

    @classmethod
    def load(cls, prefix: str, epoch: int, load_optimizer_states: bool = False, **kwargs: Any) -> Any:
        """A module from the files of a checkpoint; to be bound.

        Parameters
        ----------
        prefix : str
        epoch : int
        load_optimizer_states : bool
            Continue with the optimizer's states, too, once `init_optimizer` is called.
        **kwargs
            For the class: `data_names`, `context` ...
        """
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch)
        mod: Any = cls(symbol=symbol, **kwargs)  # type: ignore[call-arg]
        mod._arg_params = arg_params
        mod._aux_params = aux_params
        mod.params_initialized = True
        if load_optimizer_states:
            mod._preload_opt_states = f"{prefix}-{epoch:04d}.states"
        return mod

    def save_checkpoint(self: Any, prefix: str, epoch: int, save_optimizer_states: bool = False, remove_amp_cast: bool = True) -> None:
        """Write the symbol, the parameters and, if asked for, the optimizer's states.

        Every file is written beside and renamed, so that an interruption leaves the one before whole.

        Parameters
        ----------
        prefix : str
            Start of the files' names: ``prefix-symbol.json``, ``prefix-0001.params``, ``prefix-0001.states``.
        epoch : int
        save_optimizer_states : bool
            With them a run that is continued equals one that was not interrupted, bit for bit.
        remove_amp_cast : bool
            Leave the casts of mixed precision out of the graph.
        """
        self._symbol.save(f"{prefix}-symbol.json", remove_amp_cast=remove_amp_cast)
        param_name = f"{prefix}-{epoch:04d}.params"
        self.save_params(param_name)
        logging.info('Saved checkpoint to "%s"', param_name)
        if save_optimizer_states:
            state_name = f"{prefix}-{epoch:04d}.states"
            self.save_optimizer_states(state_name)
            logging.info('Saved optimizer state to "%s"', state_name)


def _refuse_other_network(given: Mapping[str, NDArray], known: Mapping[str, tuple[int, ...]], allow_missing: bool = False) -> None:
    """Raise where values do not fit: names are missing, or shapes differ; the message lists all, and what is there beyond.

    Raises
    ------
    MXNetError
    """
    missing = [] if allow_missing else [n for n in known if n not in given]
    other = [f"{n} has shape {tuple(given[n].shape)}, expected {s}" for n, s in known.items() if n in given and tuple(given[n].shape) != s]
    if not missing and not other:
        return
    extra = [n for n in given if n not in known]
    lines = [f"{missing[0]} is not presented"] if missing else []
    if len(missing) > 1:
        lines.append(f"missing: {_listed(missing)}")
    if other:
        lines.append("; ".join(other[:10]) + ("; ..." if len(other) > 10 else ""))
    if extra:
        lines.append(f"extra: {_listed(extra)}")
    hint = "these are the parameters of another network" if extra or other else "allow_missing=True leaves them to the initializer"
    raise MXNetError("; ".join([*lines, hint]))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")

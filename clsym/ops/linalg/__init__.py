"""Linear algebra over batches of matrices: factorizations, inverses, determinants, products with triangles, parts of matrices."""

"""Device forms for CPUs: layers over tensors whose channels lie in blocks of a vector, and Winograd."""

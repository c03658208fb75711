"""Less memory for more work: parts of the forward computed again in the backward."""

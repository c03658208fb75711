"""What lowerings of several families are made of."""

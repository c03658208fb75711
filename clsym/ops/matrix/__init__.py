"""Matrix products and the layers made of them."""

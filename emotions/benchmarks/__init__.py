"""What the product costs on top of the model, measured on this machine."""

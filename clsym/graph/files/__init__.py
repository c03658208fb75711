"""MXNet's symbol JSON, every historical form."""

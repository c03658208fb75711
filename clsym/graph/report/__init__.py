"""What is told of a plan: where its bytes go, as text, JSON, picture or page."""

"""What is said about clients: nothing yet."""

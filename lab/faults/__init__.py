"""What fails on the wire: rules, which call is struck, what becomes of its answer, and the drills made of them."""

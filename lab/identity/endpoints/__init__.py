"""What answers the routes of the OAuth server (contract.md §7); `answer` has them all, a module each."""

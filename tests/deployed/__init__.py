"""What is deployed: the Compose file's services, started by hand where there is no container engine."""

"""What `lab serve` is made of, of which other commands serve a part: the mock, its ports, tenants, workers, a shared lab."""

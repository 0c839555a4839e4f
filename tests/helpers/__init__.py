"""What several tests share: the torch twins, the frozen table, programs, points."""

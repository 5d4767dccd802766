"""Local servers that imitate the applications tieline connects to, one package each."""

"""What puts llamaq into production; every configuration file here is run by a test."""

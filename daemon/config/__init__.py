"""The configuration: YAML files to checked values, with a position for every error."""

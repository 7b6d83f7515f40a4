"""HTTP: health and figures for machines."""

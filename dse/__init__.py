"""CHOOSE: the command line, and the only place that will know Optuna."""

import warnings

# Optuna imports a progress bar for notebooks that it shows nowhere here, and whose extra it would miss.
warnings.filterwarnings("ignore", message="IProgress not found")

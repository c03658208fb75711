"""``mx.viz``: graphs as tables (`print_summary`) and as drawings (`plot_network`)."""

from .network import plot_network
from .summary import print_summary

__all__ = ["plot_network", "print_summary"]

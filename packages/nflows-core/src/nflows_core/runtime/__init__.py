"""What every command shares: files written whole, reports, the command line's conventions."""

"""Seeds and grains inspected: from a tray's photograph to a purity report, with few and unbalanced labels."""

"""Climate forecasting: series, windows, models, judgement."""

"""Many stations, one at a time: admit, draw windows, train once for all, backtest, forecast."""

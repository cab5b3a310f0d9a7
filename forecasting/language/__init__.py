"""A character language model on the recurrent core that the forecasters use."""

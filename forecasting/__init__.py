"""The domain: recurrent models, what they are trained on, how they are judged and kept."""

"""Keep retraining going for a year: schedules, triggers, reaping, retention, copies, notices."""

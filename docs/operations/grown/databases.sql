-- Beside `gatecast` (locks and keys), which the image makes: what MLflow and Prefect keep.
CREATE DATABASE mlflow;
CREATE DATABASE prefect;

-- PostgreSQL runs this once, on an empty volume. Two databases: store and registry each keep their version in a table of one name.
CREATE DATABASE leads;
CREATE DATABASE mlflow;

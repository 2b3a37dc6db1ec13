"""Tables as files, held to the data contract, and DuckDB, which reads anyone's files into them."""

"""Where the data is: engines that read, sort and stream tables; features are computed by features/ alone."""

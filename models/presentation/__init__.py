"""What people read and see, for pipeline and serving alike: words of every language, numbers and dates, templates, css."""

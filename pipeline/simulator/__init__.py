"""A made-up company: its market, its marketing, its sales, and the raw files its systems would export."""

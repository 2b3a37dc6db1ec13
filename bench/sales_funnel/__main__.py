"""The ledger against the truth: `python -m bench.sales_funnel`, see `bench.sales_funnel.ledger`."""

from bench.sales_funnel.ledger import main

if __name__ == "__main__":
    main()

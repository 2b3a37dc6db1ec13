"""What `init` knows: how exports of CRMs, spreadsheets and web analytics look, and how a source is written for them."""

"""CRMs as a source and as a place to put scores: HubSpot and Salesforce through their official clients."""

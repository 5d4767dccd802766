"""A local HubSpot CRM, as strict as the vendor, for tests, the demo and benchmarks."""

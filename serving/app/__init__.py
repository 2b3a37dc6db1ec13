"""The pages under /app: today's leads, a lead's page, the model's page; sessions, forms, templates."""

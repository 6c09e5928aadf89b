-- Asks a service: only where somebody reads it.
CREATE VIEW customer_risk AS
SELECT customer_id, name, fraud_score(name) AS score
FROM table(customers);

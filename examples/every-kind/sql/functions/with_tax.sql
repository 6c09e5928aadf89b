CREATE FUNCTION with_tax AS (amount) -> amount * 1.19;

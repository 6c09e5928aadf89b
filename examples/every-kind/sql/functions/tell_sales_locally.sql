-- @editions embedded
-- The same where there is no Python.
CREATE FUNCTION tell_sales(customer string) RETURNS string LANGUAGE JAVASCRIPT AS $$
function tell_sales(customers) {
  return customers
}
$$;

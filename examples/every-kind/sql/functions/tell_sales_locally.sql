-- @editions embedded, oss-1.6
-- The same where there is no Python.
CREATE FUNCTION tell_sales(customer string) RETURNS string LANGUAGE JAVASCRIPT AS $$
function tell_sales(customers) {
  return customers
}
$$;

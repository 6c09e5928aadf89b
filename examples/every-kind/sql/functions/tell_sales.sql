-- @editions oss-3, enterprise
-- What the alert calls: Python may reach the network.
CREATE FUNCTION tell_sales(customer string) RETURNS string LANGUAGE PYTHON AS $$
def tell_sales(customers):
    for customer in customers:
        print('a big order of', customer)
    return customers
$$;

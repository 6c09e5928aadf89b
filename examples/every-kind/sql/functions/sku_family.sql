-- `lamp-17-red` → `lamp`.
CREATE FUNCTION sku_family(sku string) RETURNS string LANGUAGE JAVASCRIPT AS $$
function sku_family(skus) {
  return skus.map((sku) => sku.split('-')[0])
}
$$;

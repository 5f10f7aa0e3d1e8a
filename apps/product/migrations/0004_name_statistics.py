from django.db import migrations

# A part of a name is looked for by its trigrams, unless the planner takes it for common: of the default hundred sampled
# names a single one that has it counts as one in a hundred, and all products are walked instead. Of a thousand it does not.
MORE = "ALTER TABLE product_product ALTER COLUMN name SET STATISTICS 1000"
AS_BEFORE = "ALTER TABLE product_product ALTER COLUMN name SET STATISTICS -1"


class Migration(migrations.Migration):

    dependencies = [
        ('product', '0003_import'),
    ]

    operations = [migrations.RunSQL(MORE, AS_BEFORE), migrations.RunSQL("ANALYZE product_product (name)", migrations.RunSQL.noop)]

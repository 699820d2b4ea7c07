{# The last quarter of a product by Strassen's scheme, which is a sum of products: c = epilogue(0), whose expression adds
   operands that lie like c. `chunk` divides `pixels`. lo..hi are outputs of a quarter. #}
{% import "macros.wat" as m with context %}
{% call m.for("n", "@lo", "@hi") %}
(local.set $i_po #0)
(local.set $i_co (i32.mul @i_n #{{ pitch }}))
{% call m.repeat("x", "#%d" % (pixels // chunk)) %}
{{ m.operand_pointers(e, "@i_n") }}
{{ m.start_tile(chunk, 1, e) }}
(local.set $i_cp (i32.add @c @i_co))
{{ m.store_tile(chunk, 1, pitch, e, range(0, 4 * chunk, 4) | list) }}
{{ m.bump("i_po", 4 * chunk) }}
{{ m.bump("i_co", 4 * chunk) }}
{% endcall %}
{% endcall %}

{# Running sums or products along the middle of [outer][n][inner], in the order of the axis, or from its end with
   `reverse`: expression 0 takes in an element. With `exclusive` the element itself is left out, and expression 1 is the first.
   lo..hi are outer slices. #}
{% import "macros.wat" as m with context %}
{% set wide, one = vector(dtype), single(dtype) %}
{% set letter = {"v": "f", "m": "i"}[one.local] %}
{% set row = 4 * inner %}
{% set step = -row if reverse else row %}
{# One run of the inner extent, from $i_x to $i_c: vectors, then the rest one by one. The body gets how its elements are
   moved and how expressions of them are written. #}
{% macro run() %}
{% set body = caller %}
(local.set $i_x @i_from)
(local.set $i_c @i_to)
{% if inner // L %}
{% call m.repeat("v", "#%d" % (inner // L)) %}
{{ body(wide, expr) }}
{{ m.bump("i_x", 4 * L) }}
{{ m.bump("i_c", 4 * L) }}
{% endcall %}
{% endif %}
{% if inner % L %}
{% call m.repeat("s", "#%d" % (inner % L)) %}
{{ body(one, scalar_expr) }}
{{ m.bump("i_x", 4) }}
{{ m.bump("i_c", 4) }}
{% endcall %}
{% endif %}
{% endmacro %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_from (i32.add (i32.add @x (i32.mul @i_u #{{ n * row }})) #{{ (n - 1) * row if reverse else 0 }}))
(local.set $i_to (i32.add (i32.add @c (i32.mul @i_u #{{ n * row }})) #{{ (n - 1) * row if reverse else 0 }}))
{% if inner == 1 %}
{# The sum stays in a register. #}
{% if exclusive %}
(local.set ${{ letter }}_sum {{ scalar_expr(1) }})
{{ one.store.format("@i_to", "@%s_sum" % letter) }}
{% else %}
(local.set ${{ letter }}_sum {{ one.load.format("@i_from") }})
{{ one.store.format("@i_to", "@%s_sum" % letter) }}
{{ m.bump("i_from", step) }}
{% endif %}
{% if n > 1 %}
{% call m.repeat("k", "#%d" % (n - 1)) %}
{{ m.bump("i_to", step) }}
(local.set ${{ letter }}_sum {{ scalar_expr(0, "@%s_sum" % letter, one.load.format("@i_from")) }})
{{ one.store.format("@i_to", "@%s_sum" % letter) }}
{{ m.bump("i_from", step) }}
{% endcall %}
{% endif %}
{% else %}
{% call(kind, text) run() %}
{{ kind.store.format("@i_c", text(1) if exclusive else kind.load.format("@i_x")) }}
{% endcall %}
{% if not exclusive %}
{{ m.bump("i_from", step) }}
{% endif %}
{% if n > 1 %}
{% call m.repeat("k", "#%d" % (n - 1)) %}
{{ m.bump("i_to", step) }}
{% call(kind, text) run() %}
{{ kind.store.format("@i_c", text(0, kind.load.format("(i32.sub @i_c #%d)" % step), kind.load.format("@i_x"))) }}
{% endcall %}
{{ m.bump("i_from", step) }}
{% endcall %}
{% endif %}
{% endif %}
{% endcall %}

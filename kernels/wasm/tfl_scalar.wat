{# TensorFlow Lite's integers one element at a time: macros of the kernels below. Values are in $l_<name>, of 64 bits. #}

{# $l_<name> = $l_<name> * `by` / 2^31, halves upwards; `by` is text of 64 bits. #}
{% macro high_product(name, by) %}
(local.set $l_{{ name }} (i64.shr_s (i64.add (i64.mul @l_{{ name }} {{ by }}) (i64.const 1073741824)) (i64.const 31)))
{% endmacro %}

{# $l_<name> / 2^bits, halves away from zero; `bits` is text and 1 or more. #}
{% macro rounding_shift(name, bits) %}
(local.set $l_{{ name }} (i64.shr_s (i64.add (i64.add @l_{{ name }} (i64.shr_s @l_{{ name }} (i64.const 63))) (i64.shr_u (i64.shl (i64.const 1) {{ bits }}) (i64.const 1))) {{ bits }}))
{% endmacro %}

{# Brings $l_<name>, with `room` zero bits behind it, to another scale: times the multiplier / 2^31, by `shift` bits to the
   left or, below 0, to the right. #}
{% macro rescale(name, multiplier, shift, room=0) %}
{% if room + [shift, 0] | max %}
(local.set $l_{{ name }} (i64.shl @l_{{ name }} (i64.const {{ room + [shift, 0] | max }})))
{% endif %}
{{ high_product(name, "(i64.const %d)" % multiplier) }}
{% if shift < 0 %}
{{ rounding_shift(name, "(i64.const %d)" % -shift) }}
{% endif %}
{% endmacro %}

{# $l_<name> within the bounds. #}
{% macro clamp(name, lowest, highest) %}
(local.set $l_{{ name }} (select @l_{{ name }} (i64.const {{ lowest }}) (i64.gt_s @l_{{ name }} (i64.const {{ lowest }}))))
(local.set $l_{{ name }} (select @l_{{ name }} (i64.const {{ highest }}) (i64.lt_s @l_{{ name }} (i64.const {{ highest }}))))
{% endmacro %}

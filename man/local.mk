dist_man_MANS += man/cepd.1

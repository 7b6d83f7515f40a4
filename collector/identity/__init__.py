"""Who a box is: the authority that signs certificates, and the registrar from whom boxes get theirs."""
